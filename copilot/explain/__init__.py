"""Why a model says what it says: how much each feature moves a prediction."""

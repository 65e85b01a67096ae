"""What to do next: a contextual bandit that learns the action of each alert from late and scarce feedback."""

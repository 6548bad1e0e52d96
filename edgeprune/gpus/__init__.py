"""What the jobs of one machine share."""

"""What made a result: the sources that a job uses, and their record in DVC."""

stepper();

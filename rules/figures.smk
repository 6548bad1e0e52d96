rule figures:
    input:
        rules.measure.input,

-- Transitions in the order of time: reports read them from a day on, and nothing else.
CREATE INDEX record_transition ON record (at_ms) WHERE kind = 'transition';

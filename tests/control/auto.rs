//! Auto-advance: each row of what happens when.

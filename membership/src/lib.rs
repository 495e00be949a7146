//! Who is alive: SWIM around foca, as a pure state machine.

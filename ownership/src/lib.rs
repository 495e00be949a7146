//! Who collects what: stable keys and rendezvous assignment, pure.

mod clashes;
mod forming;
mod hostile;
mod keyed;
mod living;
mod net;
mod suspicions;
mod zombies;

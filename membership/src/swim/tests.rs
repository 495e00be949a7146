mod clashes;
mod forming;
mod hostile;
mod living;
mod net;

use std::convert::Infallible;

use super::*;

fn recalled(memory: &Memory<usize, usize>, of: usize, made: &mut Vec<usize>) {
    let make = || {
        made.push(of);
        Ok::<_, Infallible>(of * 2)
    };
    let Ok(value) = memory.recall(&of, make);
    assert_eq!(*value, of * 2);
}

#[test]
fn the_same_is_made_once() {
    let (memory, mut made) = (Memory::new(), Vec::new());
    for of in [1, 2, 1, 1, 2] {
        recalled(&memory, of, &mut made);
    }
    assert_eq!(made, [1, 2]);
}

#[test]
fn what_was_not_asked_for_the_longest_is_forgotten_first() {
    let (memory, mut made) = (Memory::new(), Vec::new());
    for of in 0..REMEMBERED {
        recalled(&memory, of, &mut made);
    }
    recalled(&memory, 0, &mut made);
    recalled(&memory, REMEMBERED, &mut made);
    made.clear();
    for of in [0, REMEMBERED, 1] {
        recalled(&memory, of, &mut made);
    }
    assert_eq!(made, [1]);
}

#[test]
fn what_could_not_be_made_is_tried_again() {
    let memory = Memory::<usize, usize>::new();
    assert_eq!(memory.recall(&1, || Err("not yet")), Err("not yet"));
    assert_eq!(memory.recall(&1, || Ok::<_, &str>(7)), Ok(Arc::new(7)));
}

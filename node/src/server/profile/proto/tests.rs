use super::*;

/// Fields of a message, numbers and bytes told apart.
#[derive(Debug, PartialEq)]
enum Found {
    Number(u64, u64),
    Bytes(u64, Vec<u8>),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let (first, rest) = bytes.split_first().expect("a number ends");
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            break;
        }
    }
    number
}

fn fields(mut bytes: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        found.push(match tag & 7 {
            0 => Found::Number(tag >> 3, varint(&mut bytes)),
            2 => {
                let length = varint(&mut bytes) as usize;
                let (head, rest) = bytes.split_at(length);
                bytes = rest;
                Found::Bytes(tag >> 3, head.to_vec())
            }
            other => panic!("wire type {other}"),
        });
    }
    found
}

fn all(message: &[u8], field: u64) -> Vec<Vec<u8>> {
    let of_field = fields(message).into_iter().filter_map(|found| match found {
        Found::Bytes(number, bytes) if number == field => Some(bytes),
        _ => None,
    });
    of_field.collect()
}

fn place(function: &str, line: i64) -> Place {
    Place { function: function.to_owned(), file: "a.rs".to_owned(), line }
}

#[test]
fn a_profile_holds_every_stack_and_every_text_once() {
    let stack = |frames, count| Stack { frames, thread: "main".to_owned(), count };
    let stacks =
        [stack(vec![place("inner", 3), place("outer", 9)], 5), stack(vec![place("outer", 9)], 200)];
    let profile = encode(&stacks, 10, 1_700_000_000_000_000_000, 30);
    let strings: Vec<String> =
        all(&profile, 6).into_iter().map(|text| String::from_utf8(text).expect("UTF-8")).collect();
    assert_eq!(
        strings,
        ["", "samples", "count", "cpu", "nanoseconds", "thread", "inner", "a.rs", "outer", "main"]
    );
    assert_eq!(all(&profile, 4).len(), 2, "locations");
    assert_eq!(all(&profile, 5).len(), 2, "functions");
    let samples = all(&profile, 2);
    assert_eq!(all(&samples[0], 1), [vec![1, 2]]);
    assert_eq!(all(&samples[0], 2), [vec![5, 50]]);
    assert_eq!(all(&samples[1], 1), [vec![2]]);
    // 200 and 2000 need two bytes each.
    assert_eq!(all(&samples[1], 2), [vec![0xc8, 1, 0xd0, 0x0f]]);
    let inner = Found::Number(2, 6);
    assert!(fields(&all(&profile, 5)[0]).contains(&inner));
    assert!(fields(&profile).contains(&Found::Number(12, 10)));
}

use super::*;

#[test]
fn a_name_is_short_text_without_control_characters() {
    assert_eq!(
        Name::new("").map_err(|e| e.to_string()),
        Err("a node name must not be empty".into())
    );
    assert!(Name::new(&"x".repeat(63)).is_ok());
    assert_eq!(Name::new(&"x".repeat(64)), Err(NameError::TooLong { length: 64 }));
    assert_eq!(Name::new(&"é".repeat(32)), Err(NameError::TooLong { length: 64 }));
    assert_eq!(Name::new("a\nb"), Err(NameError::Control("a\nb".to_owned())));
    assert_eq!(Name::new("shoal-0").map(|name| name.to_string()), Ok("shoal-0".to_owned()));
}

#[test]
fn names_sort_as_their_texts() {
    let name = |text| Name::new(text).expect("a valid name");
    let mut names = [name("b"), name("a10"), name("a2"), name("B")];
    names.sort();
    assert_eq!(names.map(|name| name.to_string()), ["B", "a10", "a2", "b"]);
}

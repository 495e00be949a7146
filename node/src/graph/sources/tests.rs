use std::path::Path;

use super::directory_of;

#[test]
fn a_file_that_is_named_alone_lies_in_the_current_directory() {
    let directories = ["main.alloy", "etc/main.alloy", "/etc/main.alloy", "/main.alloy"];
    let directories = directories.map(|file| directory_of(Path::new(file)));
    assert_eq!(directories, [".", "etc", "/etc", "/"]);
}

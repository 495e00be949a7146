use super::*;
use crate::file::MAX_SIZE;

#[tokio::test(start_paused = true)]
async fn a_changed_file_is_seen_after_a_second_and_not_read_before() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, " one \n").unwrap();
    let current = Current::of(&Source::File(path.clone()));
    assert_eq!(current.secret().await.unwrap().expose(), "one");

    std::fs::write(&path, " two \n").unwrap();
    assert_eq!(current.secret().await.unwrap().expose(), "one");
    tokio::time::advance(FRESH_FOR).await;
    assert_eq!(current.secret().await.unwrap().expose(), "two");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_vanished_is_an_error_until_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, "one").unwrap();
    let current = Current::of(&Source::File(path.clone()));
    current.secret().await.unwrap();

    std::fs::remove_file(&path).unwrap();
    tokio::time::advance(FRESH_FOR).await;
    let error = current.secret().await.unwrap_err();
    assert!(error.to_string().contains("token: No such file"), "{error}");
    std::fs::write(&path, "back").unwrap();
    assert_eq!(current.secret().await.unwrap().expose(), "back");
}

#[tokio::test]
async fn a_file_past_the_bound_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, vec![b'x'; usize::try_from(MAX_SIZE).unwrap() + 1]).unwrap();
    let error = Current::of(&Source::File(path)).secret().await.unwrap_err();
    assert!(error.to_string().contains("larger than"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_content_is_the_same_allocation() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.pem");
    std::fs::write(&path, "pem").unwrap();
    let file = Reread::new(path);
    let first = file.content().await.unwrap();
    tokio::time::advance(FRESH_FOR).await;
    assert!(Arc::ptr_eq(&first, &file.content().await.unwrap()));
}

//! What is known of a first configuration before all of it is made.

use super::World;
use crate::server::components::Components as _;

/// Whether something waits for somebody to look.
fn is_known(http: &tokio::sync::watch::Receiver<impl Sized>) -> bool {
    http.has_changed().expect("whoever tells is still there")
}

#[tokio::test]
async fn without_an_http_block_it_is_known_at_once_what_it_would_say() {
    let world = World::new(r#"test.sink "c" { value = "x" }"#);
    let loading = world.begin().await;
    assert!(is_known(&loading.http()));
    assert!(world.journal().is_empty());
}

#[tokio::test]
async fn the_http_block_is_known_before_anything_is_made_that_it_does_not_need() {
    let world = World::new(
        r#"
            test.sink "c" { value = "x" }
            http {
                auth {
                    basic {
                        username = "ali"
                        password = test.source.b.value
                    }
                }
            }
            test.source "b" { value = test.source.a.value }
            test.source "a" { value = "open sesame" }
        "#,
    );
    let loading = world.begin().await;
    let http = loading.http();
    assert!(!is_known(&http));
    let (graph, _controller) = loading.finish().await.expect("the configuration is right");
    assert!(is_known(&http));
    assert!(http.borrow().auth.is_some());
    assert_eq!(*http.borrow(), *graph.http().borrow());
    assert_eq!(
        world.journal(),
        ["start test.source.a", "start test.source.b", "start test.sink.c with x"]
    );
}

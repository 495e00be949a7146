//! Documents and what reads them, when both change at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::servers::{Server, asked, target_groups};
use super::world::World;
use crate::graph::LoadError;
use crate::server::components::{Components, HealthState};

/// Enough that nobody is held up.
const OPEN: usize = 1;

#[tokio::test]
async fn what_reads_a_document_gets_its_new_content_along_with_new_arguments() {
    let [old, new] = ["OLD", "NEW"].map(|text| watch::channel(text.to_owned()));
    let old_server = Server::text(old.1, watch::channel(None).0).await;
    let new_server = Server::text(new.1, watch::channel(None).0).await;
    let world = World::new();
    world.write("old", "OLD");
    world.write("new", "NEW");
    let file = |name| format!("filename = {:?}", world.path(name));
    let url = |server: &Server| format!("url = \"http://{}/\"", server.address);
    for (kind, before, after) in [
        ("local.file", file("old"), file("new")),
        ("remote.http", url(&old_server), url(&new_server)),
    ] {
        let [(told_a, _), (told_b, mut asked_b)] = [(); 2].map(|()| watch::channel(Vec::new()));
        let a = asked("[]", Arc::new(Semaphore::new(OPEN)), told_a).await;
        let b = asked("[]", Arc::new(Semaphore::new(OPEN)), told_b).await;
        let config = |document: &str, server: &Server| {
            format!(
                "{kind} \"token\" {{ {document} }}
                 discovery.http \"d\" {{
                     url          = \"http://{}/\"
                     bearer_token = {kind}.token.content
                 }}",
                server.address
            )
        };
        let running = world.run(&config(&before, &a)).await;
        world.write("config.alloy", &config(&after, &b));
        running.graph.reload().await.expect("everything is there");
        let detail = running.graph.detail(&format!("{kind}.token")).await.expect("it is there");
        assert!(detail.exports.to_string().contains("NEW"), "{}", detail.exports);
        let asking = asked_b.wait_for(|asked| !asked.is_empty());
        let asked = tokio::time::timeout(Duration::from_secs(30), asking).await;
        let asked = asked.expect("it is asked").expect("it runs").clone();
        assert_eq!(asked[0], "Bearer NEW", "{kind}");
        running.stop().await;
    }
}

#[tokio::test]
async fn a_document_that_is_not_at_its_new_place_is_kept_and_looked_for_again() {
    let world = World::new();
    world.write("here", "one");
    let config = |name| {
        format!(
            "local.file \"f\" {{\nfilename = {:?}\npoll_frequency = \"20ms\"\n}}",
            world.path(name)
        )
    };
    let running = world.run(&config("here")).await;
    world.write("config.alloy", &config("there"));
    let refused = running.graph.reload().await;
    assert!(
        matches!(&refused, Err(LoadError::Partial(why)) if why.contains("there: No such file")),
        "{refused:?}"
    );
    let status = running.graph.load_status();
    assert_eq!((status.successful, status.failures), (false, 1));
    let unhealthy = |detail: &crate::server::components::Component| {
        detail.health.state == HealthState::Unhealthy
    };
    running.until("local.file.f", unhealthy).await;
    running.until_export("local.file.f", "one").await;
    world.write("here", "two");
    running.until_export("local.file.f", "two").await;

    world.write("there", "three");
    running.until_export("local.file.f", "three").await;
    world.write("here", "four");
    world.write("there", "five");
    running.until_export("local.file.f", "five").await;
    running.stop().await;
}

#[tokio::test]
async fn a_url_that_nobody_serves_is_refused_and_the_old_answer_kept() {
    let (_text, now) = watch::channel("one".to_owned());
    let server = Server::text(now, watch::channel(None).0).await;
    let config = |address: &str| format!("remote.http \"r\" {{ url = \"http://{address}/\" }}");
    let world = World::new();
    let running = world.run(&config(&server.address.to_string())).await;
    world.write("config.alloy", &config("127.0.0.1:1"));
    let refused = running.graph.reload().await;
    assert!(matches!(refused, Err(LoadError::Partial(_))), "{refused:?}");
    assert!(!running.graph.load_status().successful);
    let detail = running.graph.detail("remote.http.r").await.expect("it is there");
    assert!(detail.exports.to_string().contains("one"), "{}", detail.exports);
    running.stop().await;
}

/// A `remote.http`, and what is written of how it asks.
fn remote(server: &Server, more: &str) -> String {
    format!("remote.http \"r\" {{\nurl = \"http://{}/\"\n{more}\n}}", server.address)
}

#[tokio::test]
async fn a_server_that_does_not_answer_holds_a_reload_up_no_longer_than_its_timeout() {
    let (_text, now) = watch::channel("one".to_owned());
    let server = Server::text(now, watch::channel(None).0).await;
    let may = Arc::new(Semaphore::new(0));
    let silent = target_groups("two", Arc::clone(&may)).await;
    let world = World::new();
    let running = world.run(&remote(&server, "")).await;
    world.write("config.alloy", &remote(&silent, "poll_timeout = \"100ms\""));
    let refused = running.graph.reload().await;
    assert!(
        matches!(&refused, Err(LoadError::Partial(why)) if why.contains("no answer within 100ms")),
        "{refused:?}"
    );
    running.until_export("remote.http.r", "one").await;
    may.add_permits(OPEN);
    running.until_export("remote.http.r", "two").await;
    running.stop().await;
}

#[tokio::test]
async fn a_graph_that_waits_for_a_document_can_be_stopped() {
    let (_text, now) = watch::channel("one".to_owned());
    let server = Server::text(now, watch::channel(None).0).await;
    let (told, mut requests) = watch::channel(Vec::new());
    let silent = asked("two", Arc::new(Semaphore::new(0)), told).await;
    let world = World::new();
    let running = world.run(&remote(&server, "")).await;
    let timeouts = "poll_timeout = \"1h\"\npoll_frequency = \"2h\"";
    world.write("config.alloy", &remote(&silent, timeouts));
    let graph = running.graph.clone();
    let mut reload = JoinSet::new();
    reload.spawn(async move { graph.reload().await });
    requests.wait_for(|requests| !requests.is_empty()).await.expect("the server runs");
    let stopped = tokio::time::timeout(Duration::from_secs(30), running.stop()).await;
    assert_eq!(stopped, Ok(()), "it does not wait for the answer");
    let refused = reload.join_next().await.expect("it was begun").expect("it does not panic");
    assert!(matches!(refused, Err(LoadError::Partial(_))), "{refused:?}");
}

#[tokio::test]
async fn a_file_and_what_uses_its_text_change_in_one_reload() {
    let world = World::new();
    let text = |name| {
        format!("declare \"{name}\" {{ export \"targets\" {{ value = [{{n = \"{name}\"}}] }} }}")
    };
    world.write("v1.mod", &text("old"));
    world.write("v2.mod", &text("fresh"));
    let config = |file, used| {
        format!(
            "local.file \"m\" {{ filename = {:?} }}
             import.string \"mod\" {{ content = local.file.m.content }}
             mod.{used} \"x\" {{ }}
             discovery.relabel \"r\" {{ targets = mod.{used}.x.targets }}",
            world.path(file)
        )
    };
    let running = world.run(&config("v1.mod", "old")).await;
    world.write("config.alloy", &config("v2.mod", "newest"));
    let refused = running.graph.reload().await;
    assert!(
        matches!(&refused, Err(LoadError::Rejected(why)) if why.contains("\"mod.newest\"")),
        "{refused:?}"
    );
    running.until_export("local.file.m", "old").await;

    world.write("config.alloy", &config("v2.mod", "fresh"));
    running.graph.reload().await.expect("the new file has what is used");
    running.until_export("discovery.relabel.r", "fresh").await;
    assert_eq!(running.graph.troubles(), [""; 0]);
    running.stop().await;
}

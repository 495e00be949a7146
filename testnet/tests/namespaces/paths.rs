//! The self-test of a node names the path that fails.

use http::{Method, StatusCode};
use serde_json::Value;
use testnet::process::{Carrier, World, eventually, http as ask};

use super::lab::{Lab, PATIENCE};

/// What a check of node-0 says of its paths to node-1: TCP, peer API, UDP out, UDP in, and the problem.
async fn checked(lab: &mut Lab) -> anyhow::Result<([String; 4], String)> {
    let url = lab.node(0)?.url("/api/v1/cluster/check");
    let other = lab.setups[1].address().to_string();
    let (status, body) = ask::ask(Method::POST, &url).await?;
    anyhow::ensure!(status == StatusCode::OK, "{status}: {body:?}");
    let check: Value = serde_json::from_slice(&body)?;
    let paths = check["paths"].as_array().into_iter().flatten();
    let Some(paths) = paths.clone().find(|paths| paths["address"] == other.as_str()) else {
        anyhow::bail!("{other} is not in {check}");
    };
    let text = |what: &str| paths[what].as_str().unwrap_or_default().to_owned();
    Ok((["tcp", "peer_api", "udp_out", "udp_in"].map(text), text("problem")))
}

/// Waits until a check finds these paths; what it says then.
async fn until_found(lab: &mut Lab, wanted: [&str; 4]) -> anyhow::Result<String> {
    eventually(&format!("a check to find {wanted:?}"), PATIENCE, async || {
        let (found, problem) = checked(lab).await?;
        anyhow::ensure!(found == wanted, "{found:?}: {problem}");
        Ok(problem)
    })
    .await
}

#[tokio::test]
async fn a_check_tells_datagrams_out_datagrams_in_and_connections_apart() -> anyhow::Result<()> {
    let world = World::new()?;
    let mut lab = Lab::new(&world, 3).await?;
    lab.start_all().await?;
    assert_eq!(until_found(&mut lab, ["ok"; 4]).await?, "");

    lab.switch.cut_only(Carrier::Udp, &[0], &[1, 2]).await?;
    let problem = until_found(&mut lab, ["ok", "ok", "failed", "ok"]).await?;
    anyhow::ensure!(problem.contains("UDP"), "{problem}");
    lab.switch.heal().await?;

    lab.switch.cut_only(Carrier::Udp, &[1, 2], &[0]).await?;
    let problem = until_found(&mut lab, ["ok", "ok", "ok", "failed"]).await?;
    anyhow::ensure!(problem.contains("UDP"), "{problem}");
    lab.switch.heal().await?;

    lab.switch.cut_only(Carrier::Tcp, &[0], &[1]).await?;
    let problem = until_found(&mut lab, ["failed", "untested", "untested", "untested"]).await?;
    anyhow::ensure!(problem.contains("TCP"), "{problem}");
    lab.switch.heal().await?;

    until_found(&mut lab, ["ok"; 4]).await?;
    lab.everybody_sees_all(PATIENCE).await?;
    lab.end(world).await
}

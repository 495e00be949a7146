//! `prometheus.exporter.self`: this process as a target.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use model::Labels;
use syntax::Exports;

use super::targets::Targets;
use super::{Context, Kind, Nothing, Refusal, Started, Updated};
use crate::server::components::ComponentRequest;
use crate::telemetry::Registry;

/// A running `prometheus.exporter.self`.
pub(super) struct ExporterSelf {
    telemetry: Registry,
}

/// What `prometheus.exporter.self` gives.
#[derive(Debug, Exports)]
pub(super) struct Output {
    /// This process, as the one target.
    targets: Targets,
}

impl Kind for ExporterSelf {
    const NAME: &'static str = "prometheus.exporter.self";
    const SUMMARY: &'static str = "Offers the metrics of this process as a target.";
    type Arguments = Nothing;
    type Exports = Output;

    async fn start(context: Context<Output>, _: Nothing) -> Result<Started<Self>, Refusal> {
        let Some(memory) = &context.services.memory else {
            return Err(Refusal::new("this process serves no metrics"));
        };
        let path = format!("/api/v0/component/{}/metrics", context.id);
        let target = Labels::from_pairs([
            ("__address__", memory.address()),
            ("__scheme__", "http"),
            ("__metrics_path__", path.as_str()),
            ("__meta_component_name", Self::NAME),
            ("instance", context.services.instance.as_str()),
            ("job", "integrations/self"),
        ]);
        context.exports.set(&Output { targets: Targets([target].into()) });
        let component = Self { telemetry: context.services.telemetry.clone() };
        Ok(Started::new(component, async move {
            context.cancel.cancelled().await;
            Ok(())
        }))
    }

    async fn update(&self, _: Nothing) -> Result<Updated, Refusal> {
        Ok(Updated::InPlace)
    }

    async fn serve(&self, request: ComponentRequest) -> Option<http::Response<Bytes>> {
        if request.path != "metrics" {
            return None;
        }
        let mut response = http::Response::new(Bytes::from(self.telemetry.text()));
        let kind = http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        Some(response)
    }
}

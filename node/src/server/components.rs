//! What the HTTP surface wants to know of the component graph.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::config::HttpConfig;
use ownership::Key;

/// A future that borrows from the graph.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The component graph as the server sees it. Lists answer from snapshots; whatever asks a component
/// waits for its answer, and a reload takes its time.
pub trait Components: Send + Sync + 'static {
    /// Whether a first configuration has been loaded: what readiness means on the graph's side.
    fn is_loaded(&self) -> bool;

    /// Every component in order of the ids, modules' components included. `arguments`, `exports`
    /// and `debug_info` are empty here.
    fn list(&self) -> Vec<Component>;

    /// What is wrong with the configuration besides components that are not healthy: why it was not
    /// taken over, imports that cannot be read. Texts for people.
    fn troubles(&self) -> Vec<String> {
        Vec::new()
    }

    /// What is not listed as a component and can break all the same.
    fn config_nodes(&self) -> Vec<ConfigNode> {
        Vec::new()
    }

    /// One component with everything there is to say, by its global id (`module/path/name.label`).
    fn detail<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Option<Component>> {
        self.glimpse(id, usize::MAX)
    }

    /// The same for people to look at: of each long list the first `most` elements, and how many
    /// were left out.
    fn glimpse<'a>(&'a self, id: &'a str, most: usize) -> BoxFuture<'a, Option<Component>>;

    /// How the named targets of a component fare, in the order of `keys`; `None` for a target that
    /// is not collected here.
    fn target_health<'a>(
        &'a self,
        component: &'a str,
        keys: &'a [Key],
    ) -> BoxFuture<'a, Vec<Option<TargetHealth>>>;

    /// Reads the configuration again. All or nothing: on an error, which is a text for people with
    /// every diagnostic in it, the old graph runs on.
    fn reload(&self) -> BoxFuture<'_, Result<(), String>>;

    /// Lets a component answer a request to `/api/v0/component/{id}/{rest}`; `None` when the
    /// component does not exist or serves nothing.
    fn serve(&self, request: ComponentRequest) -> BoxFuture<'_, Option<http::Response<Bytes>>>;

    /// The `http` block of the running configuration.
    fn http(&self) -> watch::Receiver<Arc<HttpConfig>>;
}

/// What Alloy calls a config node: an import, or a block that concerns the process. It is evaluated
/// like a component, also while the process runs, and as in Alloy not listed among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigNode {
    /// The id: `import.file.lib`, or `logging`; inside a module with its path, like a component's.
    pub id: String,
    /// How it fares.
    pub health: Health,
}

/// A request that a component answers itself.
#[derive(Debug, Clone)]
pub struct ComponentRequest {
    /// The component's global id.
    pub id: String,
    /// What follows the id in the path, without a leading slash; empty when nothing does.
    pub path: String,
    /// The request, its body already read and bounded.
    pub request: Arc<http::Request<Bytes>>,
}

/// A component, in the JSON of Alloy's `/api/v0/web/components`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// The kind: `prometheus.scrape`.
    pub name: String,
    /// Always `block`.
    pub r#type: String,
    /// Kind and label.
    #[serde(rename = "localID")]
    pub local_id: String,
    /// The module it lives in; empty for the root.
    #[serde(rename = "moduleID")]
    pub module_id: String,
    /// The block's label; empty for singletons.
    pub label: String,
    /// Local ids of the components that its arguments read.
    pub references_to: Vec<String>,
    /// Local ids of the components that read its exports.
    pub referenced_by: Vec<String>,
    /// Local ids of the components it sends to.
    pub data_flow_edges_to: Vec<String>,
    /// How it fares.
    pub health: Health,
    /// The block as written; always empty, as in Alloy.
    pub original: String,
    /// The evaluated arguments in alloyjson.
    pub arguments: serde_json::Value,
    /// What it exports, in alloyjson.
    pub exports: serde_json::Value,
    /// What it says of its inner life, in alloyjson.
    pub debug_info: serde_json::Value,
    /// The modules it created.
    #[serde(rename = "createdModuleIDs")]
    pub created_module_ids: Vec<String>,
    /// Whether live debugging can watch it.
    pub live_debugging_enabled: bool,
}

impl Component {
    /// The global id: module and local id.
    pub fn id(&self) -> String {
        if self.module_id.is_empty() {
            self.local_id.clone()
        } else {
            format!("{}/{}", self.module_id, self.local_id)
        }
    }
}

/// How a component fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// In one word.
    pub state: HealthState,
    /// In a sentence.
    pub message: String,
    /// Since when, in RFC 3339.
    pub updated_time: String,
}

/// How a component fares, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthState {
    /// It works.
    Healthy,
    /// Nobody knows yet.
    Unknown,
    /// It runs, but something is wrong.
    Unhealthy,
    /// It has stopped.
    Exited,
}

/// How the collection of one target went last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetHealth {
    /// `up`, `down` or `unknown`.
    pub health: String,
    /// Why it is down; empty when it is not.
    pub last_error: String,
    /// The last collection, in milliseconds since the Unix epoch; 0 when there was none.
    pub last_scrape: i64,
    /// How long that took, in seconds.
    pub last_scrape_duration: f64,
}

use expect_test::expect;

use super::markdown;
use crate::{Arguments, Blocks, Choice};

#[derive(Arguments)]
#[expect(dead_code, reason = "only the reference is used")]
struct Example {
    /// Where to send to.
    url: String,
    /// How the target
    /// is asked.
    #[arg(default = Mode::Fast)]
    mode: Mode,
    #[arg(default = false, stability = experimental)]
    odd: bool,
    /// What to do.
    #[arg(blocks)]
    stages: Vec<Stage>,
}

#[derive(Choice)]
enum Mode {
    Fast,
    #[choice("a|b")]
    Both,
}

#[derive(Blocks)]
#[expect(dead_code, reason = "only the reference is used")]
enum Stage {
    /// Stages within stages.
    #[block("stage.match")]
    Match(Box<Match>),
    #[block("stage.custom", stability = public_preview)]
    Custom(Custom),
}

#[derive(Arguments)]
#[expect(dead_code, reason = "only the reference is used")]
struct Match {
    selector: String,
    #[arg(blocks)]
    stages: Vec<Stage>,
}

#[derive(Arguments)]
#[expect(dead_code, reason = "only the reference is used")]
struct Custom {
    #[arg(label)]
    label: String,
}

#[test]
fn a_declaration_is_its_own_page() {
    expect![[r#"
        | attribute | type | default | |
        |---|---|---|---|
        | `url` | string | required | Where to send to. |
        | `mode` | one of "fast", "a\|b" | `"fast"` | How the target is asked. |
        | `odd` | bool | `false` | Needs `--stability.level=experimental`. |

        Block `stage.match`, any number of times. Stages within stages.

        | attribute | type | default | |
        |---|---|---|---|
        | `selector` | string | required |  |

        Block `stage.match > stage.match`, any number of times. Stages within stages.

        Block `stage.match > stage.custom "label"`, any number of times. Needs `--stability.level=public-preview`.

        Block `stage.custom "label"`, any number of times. Needs `--stability.level=public-preview`.

    "#]].assert_eq(&markdown(&Example::reference()));
}

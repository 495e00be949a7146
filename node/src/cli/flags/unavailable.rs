//! Flags of Alloy that ask for what Shoal does not have. They are known, so that the answer is a
//! reason instead of "unexpected argument"; asking for nothing (`=false`, an empty text) is fine.

use clap::Args;

use super::boolean;

macro_rules! unavailable {
    (
        texts { $($text:ident = $text_flag:literal, $text_fine:literal: $text_reason:literal;)* }
        booleans { $($switch:ident = $switch_flag:literal, $switch_fine:literal: $switch_reason:literal;)* }
    ) => {
        #[derive(Debug, Default, Args)]
        pub(super) struct Unavailable {
            $(
                #[arg(long = $text_flag, hide = true)]
                $text: Option<String>,
            )*
            $(
                #[arg(long = $switch_flag, hide = true, num_args = 0..=1,
                    default_missing_value = "true", require_equals = true,
                    value_parser = boolean, action = clap::ArgAction::Set)]
                $switch: Option<bool>,
            )*
        }

        impl Unavailable {
            /// A line for each flag that cannot be honoured.
            pub(super) fn problems(&self) -> Vec<String> {
                let mut problems = Vec::new();
                $(
                    if let Some(value) = &self.$text && !value.is_empty() && value != $text_fine {
                        problems.push(format!("--{}={value}: {}", $text_flag, $text_reason));
                    }
                )*
                $(
                    if let Some(value) = self.$switch && value != $switch_fine {
                        problems.push(format!("--{}={value}: {}", $switch_flag, $switch_reason));
                    }
                )*
                problems
            }

            /// Flags with a value that cannot be honoured, for tests.
            #[cfg(test)]
            pub(super) fn refused() -> Vec<String> {
                let mut flags = vec![$(format!("--{}=x", $text_flag)),*];
                flags.extend([$(format!("--{}={}", $switch_flag, !$switch_fine)),*]);
                flags
            }

            /// Flags with the value that asks for nothing, for tests.
            #[cfg(test)]
            pub(super) fn accepted() -> Vec<String> {
                let mut flags = vec![$(format!("--{}={}", $text_flag, $text_fine)),*];
                flags.extend([$(format!("--{}={}", $switch_flag, $switch_fine)),*]);
                flags
            }
        }
    };
}

unavailable! {
    texts {
        config_format = "config.format", "alloy":
            "Shoal reads Alloy's syntax only; convert the file with `alloy convert` first";
        config_extra = "config.extra-args", "":
            "it belongs to converters of other formats, which Shoal does not have";
        windows_priority = "windows.priority", "normal": "Shoal does not run on Windows";
    }
    booleans {
        bypass = "config.bypass-conversion-errors", false:
            "it belongs to converters of other formats, which Shoal does not have";
        reporting = "disable-reporting", true: "Shoal never reports its use to anybody";
        no_bundle = "server.http.disable-support-bundle", true: "Shoal has no support bundle";
        graphql = "server.http.enable-graphql", false: "Shoal has no GraphQL";
        playground = "server.http.enable-graphql-playground", false: "Shoal has no GraphQL";
        community = "feature.community-components.enabled", false:
            "Shoal has no community components";
        direct_fanout = "feature.prometheus.direct-fanout.enabled", false:
            "batches always go straight to their receivers; there is nothing to choose";
    }
}

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn percent_encoding_is_undone(text in "\\PC{0,20}") {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        prop_assert_eq!(decode(&encoded), text);
    }
}

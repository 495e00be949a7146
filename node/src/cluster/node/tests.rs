use std::time::Duration;

use super::*;

#[test]
fn membership_is_told_what_the_command_line_says_of_it() {
    let options = Options {
        name: "prod".to_owned(),
        rejoin_interval: Duration::from_secs(90),
        max_join_peers: 7,
        bootstrap_timeout: Duration::from_secs(11),
        ..Options::default()
    };
    let expected = membership::Config {
        cluster: "prod".to_owned(),
        rejoin_interval: Duration::from_secs(90),
        max_join_peers: 7,
        bootstrap_timeout: Duration::from_secs(11),
        ..membership::Config::default()
    };
    assert_eq!(options.membership(Keyring::default(), true), expected);
    // A place to look at, on the command line or on disk.
    let seeded = membership::Config { seeded: true, ..expected };
    assert_eq!(options.membership(Keyring::default(), false), seeded);
    let options = Options { join_addresses: vec!["10.0.0.1".to_owned()], ..options };
    assert_eq!(options.membership(Keyring::default(), true), seeded);
    // What a name leads to may be more in a moment.
    let join_addresses = vec!["10.0.0.1".to_owned(), "shoal.example:80".to_owned()];
    let options = Options { join_addresses, ..options };
    let named = membership::Config { named_seeds: true, ..seeded };
    assert_eq!(options.membership(Keyring::default(), true), named);
}

//! An argument that is wrong hides no other mistake, and brings none along.

use syntax::Stability;

use super::{everything, problems, scrape, write};

/// How many mistakes `validate` tells of where every level of stability is allowed.
pub(super) fn mistakes(config: &str) -> (usize, String) {
    let problems = problems(Stability::Experimental, config);
    (problems.matches(": error: ").count(), problems)
}

/// A whole configuration as often as it has arguments, each time with another one of them replaced.
fn each_replaced<'a>(config: &'a str, by: &'a str) -> impl Iterator<Item = String> + 'a {
    config.lines().enumerate().filter(|(_, line)| line.contains(" = ")).map(move |(at, line)| {
        let (name, _) = line.split_once(" = ").expect("an argument");
        let replaced = format!("{name} = {by}");
        let lines = config.lines().enumerate();
        let lines = lines.map(|(other, line)| if other == at { &replaced } else { line });
        lines.collect::<Vec<_>>().join("\n")
    })
}

#[test]
fn an_argument_of_the_wrong_type_or_that_reads_nothing_is_the_only_mistake() {
    let contradictory_by_default = [
        (
            "prometheus.scrape",
            "targets = []\nforward_to = []\nscrape_interval = \"5m\"\nscrape_timeout = \"2m\"",
        ),
        ("remote.http", "url = \"http://a\"\npoll_frequency = \"5m\"\npoll_timeout = \"2m\""),
        ("prometheus.relabel", "forward_to = []\ncache_ttl = \"5m\""),
        (
            "discovery.http",
            "url = \"http://a\"\nproxy_connect_header = {b = [\"c\"]}\nproxy_from_environment = true",
        ),
        (
            "discovery.http",
            "url = \"http://a\"\ntls_config {\ncert_file = \"b\"\nkey_file = \"c\"\n}",
        ),
        (
            "discovery.http",
            "url = \"http://a\"\noauth2 {\nclient_id = \"b\"\nclient_secret = \"s\"\ntoken_url = \"http://c\"\n}",
        ),
        ("discovery.dns", "names = [\"a\"]\ntype = \"MX\"\nport = 1"),
        (
            "prometheus.remote_write",
            "endpoint {\nurl = \"http://a\"\nqueue_config {\nmin_shards = 60\nmax_shards = 70\nmin_backoff = \"10s\"\nmax_backoff = \"20s\"\n}\nmetadata_config {\nsend = false\nsend_interval = \"0s\"\nmax_samples_per_send = 0\n}\n}",
        ),
        (
            "prometheus.remote_write",
            "endpoint {\nurl = \"http://a\"\nqueue_config {\nmin_backoff = \"1ms\"\nmax_backoff = \"2ms\"\n}\n}",
        ),
        (
            "discovery.relabel",
            "targets = []\nrule {\naction = \"keepequal\"\nsource_labels = [\"a\"]\ntarget_label = \"b\"\n}",
        ),
        (
            "discovery.relabel",
            "targets = []\nrule {\naction = \"hashmod\"\nmodulus = 2\ntarget_label = \"b\"\n}",
        ),
    ];
    let more = contradictory_by_default.map(|(kind, body)| (kind, body.to_owned()));
    for (kind, body) in everything().into_iter().chain(more) {
        let config = format!("{kind} \"a\" {{\n{body}\n}}");
        assert_eq!(mistakes(&config).1, "", "{config}");
        for wrong in each_replaced(&config, "coalesce").chain(each_replaced(&config, "nobody")) {
            let (count, problems) = mistakes(&wrong);
            assert_eq!(count, 1, "{wrong}\n{problems}");
        }
    }
}

/// A wrong argument, and beside it what the validation has to say.
#[test]
fn an_argument_of_the_wrong_type_hides_no_other_mistake() {
    let cases: &[(String, &[&str])] = &[
        // Whether 0 is right depends on what is wrong.
        (
            "prometheus.relabel \"a\" {\nforward_to = []\nmax_cache_size = 0\ncache_ttl = 5\n}".to_owned(),
            &["4:13"],
        ),
        (
            scrape("honor_labels = 5\nscheme = \"gopher\"\nscrape_timeout = \"2m\"\nno_proxy = \"x\""),
            &["3:16", "4:10", "5:18", "6:12"],
        ),
        (scrape("scrape_timeout = 5\nscrape_interval = \"0s\""), &["3:18", "4:19"]),
        (scrape("scrape_protocols = [\"a\", \"b\"]"), &["3:21", "3:26"]),
        ("prometheus.scrape \"a\" { scheme = \"gopher\" }".to_owned(), &["1:1", "1:1", "1:34"]),
        (
            "discovery.dns \"a\" {\nnames = [\"\", 1, \"\"]\nrefresh_interval = \"0s\"\ntype = \"A\"\n}"
                .to_owned(),
            &["2:10", "2:17", "3:20", "4:8"],
        ),
        (
            "discovery.file \"a\" {\nfiles = [\"a\", \"b.json\", \"c\"]\nrefresh_interval = \"0s\"\n}"
                .to_owned(),
            &["2:10", "2:25", "3:20"],
        ),
        (
            "local.file \"a\" {\nfilename = \"\"\npoll_frequency = \"0s\"\nis_secret = 1\n}".to_owned(),
            &["2:12", "3:18", "4:13"],
        ),
        (
            write("url = 5 + []\nremote_timeout = \"0s\"\nround_robin_dns = true\nname = []\nhttp_headers = {\"a b\" = [\"c\"]}"),
            &["3:9", "4:18", "5:19", "6:8", "7:17"],
        ),
        (
            write("remote_timeout = \"0s\"\nproxy_url = \"http://a\"\nproxy_connect_header = {\"a b\" = [\"c\"]}\nhttp_headers = {host = [\"c\"]}"),
            &["2:1", "3:18", "5:25", "6:17"],
        ),
        (
            write("url = \"http://a\"\nbasic_auth {\nusername = \"a:b\"\npassword = []\n}\nbearer_token = \"c\"\nno_proxy = \"x\""),
            &["5:12", "6:12", "8:16", "9:12"],
        ),
        (
            write("url = \"http://a\"\nwrite_relabel_config {\naction = 5\nregex = \"(\"\n}"),
            &["5:10", "6:9"],
        ),
        (write("url = \"http://a\"\nsigv4 {\nregion = []\n}"), &["4:1", "5:10"]),
    ];
    for (config, places) in cases {
        let (count, problems) = mistakes(config);
        let at: Vec<_> =
            places.iter().map(|place| format!("config.alloy:{place}: error: ")).collect();
        assert!(at.iter().all(|at| problems.contains(at)), "{config}\n{places:?}\n{problems}");
        assert_eq!(count, places.len(), "{config}\n{problems}");
    }
}

/// A part of an argument that is wrong, or known only when running, and beside it what the validation
/// has to say of others.
#[test]
fn a_part_of_an_argument_hides_no_other_mistake() {
    let later = "local.file \"a\" { filename = \"/a\" }\n";
    let cases: &[(String, &[&str])] = &[
        (
            write("url = \"http://a\"\nheaders = {\"bad header\" = \"x\", \"X-B\" = []}"),
            &["4:12: error: the header \"bad header\" cannot be sent", "4:40: error: attribute"],
        ),
        (
            later.to_owned()
                + &write(
                    "url = \"http://a\"\nheaders = {\"bad header\" = \"x\", \"X-C\" = local.file.a.content}",
                ),
            &["5:12: error: the header \"bad header\" cannot be sent"],
        ),
        // Of the one the key is wrong, of the other the value: which of them is known matters.
        (
            later.to_owned()
                + &write(
                    "url = \"http://a\"\nheaders = {\"Host\" = local.file.a.content, \"X-C\" = \"\\n\"}\n\
                     http_headers = {\"a b\" = [local.file.a.content], \"X-D\" = [\"\\n\", []]}",
                ),
            &[
                "5:12: error: the header \"Host\" is set by",
                "5:51: error: the value of the header \"X-C\" cannot be sent",
                "6:17: error: ",
                "6:64: error: attribute \"http_headers\"",
            ],
        ),
        (
            "discovery.dns \"a\" { names = [[], \"a..b\", later, \"c..d\", 1 / []] }".to_owned(),
            &[
                "1:30: error: attribute \"names\"",
                "1:34: error: \"a..b\" is not a DNS name",
                "1:42: error: nothing is called \"later\"",
                "1:49: error: \"c..d\" is not a DNS name",
                "1:59: error: ",
            ],
        ),
    ];
    for (config, expected) in cases {
        let (count, problems) = mistakes(config);
        for expected in *expected {
            assert!(problems.contains(expected), "{config}\n{expected}\n{problems}");
        }
        assert_eq!(count, expected.len(), "{config}\n{problems}");
    }
}

#[test]
fn a_long_list_that_is_computed_has_a_short_answer_that_says_how_much_is_left_out() {
    let text = (0..10_000).map(|at| format!("a..{at}")).collect::<Vec<_>>().join(",");
    for (config, shown, rest) in [
        (format!("discovery.dns \"a\" {{ names = string.split({text:?}, \",\") }}"), 5, 9_995),
        (
            format!("prometheus.relabel \"a\" {{ forward_to = string.split({text:?}, \",\") }}"),
            5,
            9_995,
        ),
    ] {
        let (count, problems) = mistakes(&config);
        assert_eq!(count, shown, "{problems}");
        assert!(problems.ends_with(&format!("\nand {rest} more here")), "{problems}");
        assert!(problems.len() < 2_000, "{}", problems.len());
    }
    let places = vec!["[]"; 700].join(", ");
    let (count, problems) = mistakes(&format!("discovery.dns \"a\" {{ names = [{places}] }}"));
    assert_eq!(count, 500);
    assert!(problems.ends_with("\n\nand 200 more mistakes, which are not shown"));
}

#[test]
fn a_wrong_part_of_what_is_computed_is_told_with_the_way_to_it() {
    let targets = r#"[{"a":"1"},{"b":[]},{"c d":{"e":1}}]"#;
    for (targets, expected) in [
        (
            format!("encoding.from_json(`{targets}`)"),
            ["1:35: error: attribute \"targets\", at [1].b: ", ", at [2][\"c d\"]: "],
        ),
        // What is written shows the way as far as it is.
        (
            format!("[{{a = \"b\"}}, encoding.from_json(`{targets}`)[1], {{c = []}}]"),
            ["1:47: error: attribute \"targets\", at .b: ", "error: attribute \"targets\": "],
        ),
    ] {
        let (count, problems) =
            mistakes(&format!("discovery.relabel \"a\" {{ targets = {targets} }}"));
        assert_eq!(count, 2, "{problems}");
        for expected in expected {
            assert!(problems.contains(expected), "{expected}\n{problems}");
        }
    }
}

#[test]
fn every_mistake_of_a_queue_is_told_at_its_argument() {
    let queue = "queue_config {\ncapacity = 0\nmin_shards = 0\nmax_shards = 2000\n\
                 max_samples_per_send = 0\nbatch_send_deadline = \"0s\"\nmin_backoff = \"0s\"\n\
                 max_backoff = \"0s\"\nretry_on_http_429 = 1\n}";
    let metadata = "metadata_config {\nsend_interval = \"0s\"\nmax_samples_per_send = 0\n}";
    let (count, problems) = mistakes(&write(&format!("url = \"http://a\"\n{queue}\n{metadata}")));
    for line in [5, 6, 7, 8, 9, 10, 11, 12, 15, 16] {
        assert!(problems.contains(&format!("config.alloy:{line}:")), "{line}\n{problems}");
    }
    assert_eq!(count, 10, "{problems}");
    for (queue, place) in [
        ("min_shards = 60", "4:29: error: `max_shards` must be at least min_shards, which is 60"),
        ("max_backoff = \"1ms\"", "4:30: error: `min_backoff` must be no longer than max_backoff"),
        ("min_backoff = \"10s\"", "4:30: error: `min_backoff` must be no longer than max_backoff"),
    ] {
        let (_, problems) =
            mistakes(&write(&format!("url = \"http://a\"\nqueue_config {{ {queue} }}")));
        assert!(problems.contains(place), "{problems}");
    }
}

/// What seems to be missing because a line cannot be read is not told to be missing.
#[test]
fn what_cannot_be_read_brings_no_other_mistake_along() {
    for text in [
        write("url: \"http://a\""),
        "prometheus.scrape \"a\" { targets = [] forward_to = [] }".to_owned(),
        "prometheus.scrape \"a\" {\ntargets = [\nforward_to = 1\n}".to_owned(),
        scrape("basic_auth {\nusername = \"a\" password = \"b\"\n}"),
        scrape("oauth2 {\nclient_id \"a\"\ntoken_url = \"http://a\"\n}"),
        "http {\ntls {\ncert_file = \"/c\" key_file = \"/k\"\n}\n}".to_owned(),
        "declare \"d\" {\nargument \"x\" { }\nexport \"y\" {\nvalue argument.x.value\n}\n}\n\
         d \"a\" {\nx: 1\n}"
            .to_owned(),
    ] {
        let (_, problems) = mistakes(&text);
        let (told, unread) =
            (problems.matches(": error: ").count(), problems.matches("expected ").count());
        assert!(told > 0 && told == unread, "{text}\n{problems}");
    }
    // What is there is checked all the same.
    let (count, problems) =
        mistakes(&write("url = \"http://a\"\nremote_timeout = \"0s\"\nname: 1"));
    assert_eq!(count, 2, "{problems}");
}

/// What should be a secret, or might be a private key, is shown in no message.
#[test]
fn what_may_be_secret_is_not_shown() {
    for arguments in [
        "basic_auth {\nusername = \"a\"\npassword = [\"hunter2\"]\n}",
        "bearer_token = {\"a\" = \"hunter2\"}",
        "http_headers = {\"a\" = [[\"hunter2\"]]}",
        "http_headers = {\"no name\" = [\"hunter2\"]}",
        "http_headers = {\"a\" = [\"hunter2\\n\"]}",
        "bearer_token = \"hunter2\"\nbearer_token_file = \"/t\"",
        "bearer_token = \"hunter2\"\nbasic_auth { username = \"a\" }",
        "authorization {\ncredentials = \"hunter2\"\ncredentials_file = \"/t\"\n}",
        "tls_config {\nca_pem = \"hunter2\"\n}",
        "tls_config {\ncert_pem = \"hunter2\"\nkey_file = \"/k\"\n}",
        "tls_config {\ncert_file = \"/c\"\nkey_pem = \"hunter2\"\n}",
        "tls_config {\ncert_file = \"/c\"\nkey_pem = \"-----BEGIN PRIVATE KEY-----\\nhunter2\"\n}",
    ] {
        let (count, problems) = mistakes(&scrape(arguments));
        assert_eq!(count, 1, "{arguments}\n{problems}");
        assert!(!problems.contains("hunter2"), "{problems}");
    }
    for text in [
        write("url = \"http://a\"\nheaders = {\"Authorization\" = \"Bearer hunter2\\n\"}"),
        write("url = \"http://a\"\nheaders = {\"no name\" = \"hunter2\"}"),
        write("url = \"http://u:hunter2@h:99999/\""),
        scrape("beare_token = \"hunter2\""),
        scrape("bearer_token = \"hunter2\" + nobody"),
        scrape("bearer_token = \"hunter2\" + 1"),
        scrape("tls_config {\ncert_pem = [\"hunter2\"]\nkey_file = \"/k\"\n}"),
        scrape("oauth2 {\nclient_id = \"a\"\nclient_secret = \"hunter2\"\n}"),
    ] {
        let (found, problems) = mistakes(&text);
        assert!(found > 0, "{text}");
        assert!(!problems.contains("hunter2"), "{problems}");
    }
    let served = "http {\ntls {\ncert_pem = \"hunter2\"\nkey_pem = \"hunter2\"\n}\n}";
    let (count, problems) = mistakes(served);
    assert_eq!(count, 2, "{problems}");
    assert!(!problems.contains("hunter2"), "{problems}");
}

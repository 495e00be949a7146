use super::*;

#[test]
fn cpu_time_is_found_behind_any_name() {
    let stat = "42 (a) odd) name) S 1 42 42 0 -1 4194560 9 0 0 0 150 50 7 7 20 0 3 0 1234 1 1";
    assert_eq!(cpu_seconds(stat), Some(2.0));
    assert_eq!(cpu_seconds("42 (short) S 1"), None);
}

#[test]
fn fields_of_proc_files_are_read_by_name() {
    let status = "Name:\tx\nVmSize:\t  2048 kB\nVmRSS:\t 1024 kB\nThreads:\t7\n";
    assert_eq!(field(status, "VmRSS:"), 1024.0);
    assert_eq!(field(status, "Threads:"), 7.0);
    assert_eq!(field(status, "Absent:"), 0.0);
    let limits = "Limit                     Soft Limit  Hard Limit  Units\n\
                  Max open files            1024        4096        files\n";
    assert_eq!(field(limits, "Max open files"), 1024.0);
}

#[test]
fn the_traffic_of_a_machine_is_that_of_all_its_interfaces() {
    let dev = "Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    1000      10    0    0    0     0          0         0     1000      10    0    0    0     0       0          0
  eth0:12345678     900    1    2    3     4          5         6    77000     800    0    0    0     0       0          0
";
    assert_eq!(bytes_of_interfaces(dev), (12_346_678.0, 78_000.0));
    assert_eq!(bytes_of_interfaces("eth0: 1 2 3"), (0.0, 0.0));
}

#[test]
fn the_page_says_what_this_process_costs() {
    let registry = Registry::default();
    let _registration = register(&registry);
    let page = registry.text();
    for name in ["process_resident_memory_bytes", "process_open_fds", "process_max_fds"] {
        let sample = page.lines().find_map(|line| line.strip_prefix(name)).expect("it is there");
        let value: f64 = sample.trim().parse().expect("a number");
        assert!(value > 0.0, "{name} is {value}");
    }
    for name in ["alloy_resources_machine_rx_bytes_total", "alloy_resources_machine_tx_bytes_total"]
    {
        assert!(page.contains(&format!("\n{name} ")), "{name} is missing in\n{page}");
    }
    assert!(page.contains(&format!("shoal_build_info{{version=\"{VERSION}\"")));
}

//! A disk that is full, wherever the last byte falls.

use std::collections::BTreeSet;
use std::fs;

use super::{Mounted, check, check_all, may_mount, run, say, send};
use crate::harness::{Ran, Store, from_environment};

/// The smallest disk, in KiB, and the step to the next.
const SMALLEST_KIB: u64 = 48;

/// `WAYFARE_DISK_SIZES`: how many sizes, over the range in which two batches fill the disk.
#[test]
fn a_full_disk_is_a_clear_error_and_reads_go_on() {
    if !may_mount("full disk") {
        return;
    }
    let sizes = from_environment("WAYFARE_DISK_SIZES", 4);
    let (mut failures, mut acknowledged_in_all) = (0, 0);
    for index in 0..sizes {
        let beside = Store::new();
        let disk = beside.beside("disk");
        fs::create_dir(&disk).unwrap();
        let kib = SMALLEST_KIB + index * 400 / sizes;
        let option = format!("size={kib}k");
        assert!(run("mount", &["-t", "tmpfs", "-o", &option, "none", disk.to_str().unwrap()]));
        let _mounted = Mounted(disk.clone());
        let (store, folder) = (disk.join("store"), beside.beside("batches"));
        fs::create_dir(&folder).unwrap();
        let mut acknowledged = BTreeSet::new();
        let mut sent = 0;
        // until it is full, then once more
        for number in 0..40 {
            let ran = Ran::of(send(&store, &folder, number));
            sent = number + 1;
            if ran.code == 0 {
                acknowledged.insert(number);
                continue;
            }
            ran.expect(1).says(&["error: cannot ", "No space left on device"]);
            failures += 1;
            break;
        }
        let context = format!("{kib} KiB");
        if store.join("wayfare.toml").exists() {
            check(&store, &acknowledged, sent, &context);
        } else {
            assert!(acknowledged.is_empty(), "{context}");
        }
        acknowledged_in_all += acknowledged.len();
        assert!(run("mount", &["-o", "remount,size=64m", disk.to_str().unwrap()]));
        check_all(&store, &folder, sent, &format!("{context}, then more"));
    }
    assert!(failures > 0, "no disk was full");
    say(&format!(
        "full disk: {sizes} sizes, full in {failures}, {acknowledged_in_all} batches acknowledged, 0 lost, all writable after more space"
    ));
}

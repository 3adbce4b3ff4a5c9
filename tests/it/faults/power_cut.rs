//! Power cuts: what the block device holds at a moment is mounted elsewhere, as after a restart.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

use super::{Dice, Mounted, check, check_all, may_mount, run, say, send};
use crate::harness::{Store, from_environment, wayfare};

/// Batches after which the device is made anew, so that it stays small.
const CUTS_OF_ONE_DEVICE: u64 = 20;

fn mount(image: &Path, at: &Path) -> Mounted {
    fs::create_dir_all(at).unwrap();
    assert!(
        run("mount", &["-o", "loop", image.to_str().unwrap(), at.to_str().unwrap()]),
        "{}",
        image.display()
    );
    Mounted(at.to_path_buf())
}

fn signal(child: &Child, name: &str) {
    assert!(run("kill", &["-s", name, &child.id().to_string()]));
}

/// Copies the device as it is while the process stands still. What the file system has not written to it is lost, as
/// when the power goes.
fn cut(child: &Child, device: &Path, image: &Path) {
    signal(child, "STOP");
    assert!(run("cp", &["--sparse=always", device.to_str().unwrap(), image.to_str().unwrap()]));
    signal(child, "CONT");
}

/// `WAYFARE_POWER_CUTS`: how many.
#[test]
fn a_power_cut_leaves_all_that_was_acknowledged() {
    if !may_mount("power cut") {
        return;
    }
    let cuts = from_environment("WAYFARE_POWER_CUTS", 3);
    let mut dice = Dice::new("power cut");
    let (mut done, mut acknowledged_in_all, mut unmade) = (0, 0, 0);
    while done < cuts {
        let beside = Store::new();
        let (device, disk) = (beside.beside("device"), beside.beside("disk"));
        assert!(Command::new("truncate").args(["-s", "64M"]).arg(&device).status().unwrap().success());
        assert!(run("mkfs.ext4", &["-q", "-F", device.to_str().unwrap()]));
        let _mounted = mount(&device, &disk);
        let (store, folder) = (disk.join("store"), beside.beside("batches"));
        fs::create_dir(&folder).unwrap();
        let mut acknowledged = BTreeSet::new();
        let mut number = 0;
        for _ in 0..CUTS_OF_ONE_DEVICE.min(cuts - done) {
            // some batches undisturbed, then one with a cut in it, or a compaction
            for _ in 0..dice.below(3) {
                assert!(send(&store, &folder, number).status().unwrap().success());
                acknowledged.insert(number);
                number += 1;
            }
            let compacts = number > 0 && dice.below(4) == 0;
            let mut command = wayfare(&["compact", "--quiet"]);
            command.arg("--store").arg(&store);
            let mut command = if compacts { command } else { send(&store, &folder, number) };
            let mut child = command.spawn().unwrap();
            sleep(Duration::from_millis(dice.below(250)));
            let image = beside.beside("image");
            // a process that has ended stands still, too
            cut(&child, &device, &image);
            let before = acknowledged.clone();
            assert!(child.wait().unwrap().success());
            if !compacts {
                acknowledged.insert(number);
                number += 1;
            }
            let after = mount(&image, &beside.beside("after"));
            let left = after.0.join("store");
            let context = format!("cut {done}");
            if left.join("wayfare.toml").exists() {
                check(&left, &before, number, &context);
            } else {
                assert!(before.is_empty(), "{context}: the store is gone");
                unmade += 1;
            }
            check_all(&left, &folder, number, &context);
            acknowledged_in_all += before.len();
            done += 1;
        }
    }
    say(&format!(
        "power cut: {done} cuts, {unmade} before there was a store, {acknowledged_in_all} acknowledged batches looked for, 0 lost"
    ));
}

//! The router over a store: what it asks for, and what is left when it starts anew.

use std::collections::BTreeMap;

use super::{Client, Rig, V3, V5, hello, kept, message};
use crate::host::LogRecord;
use crate::mqtt_server::access::Access;
use crate::mqtt_server::limits::Limits;
use crate::mqtt_server::packet::{Ack, Packet, Publish, QoS, reason};
use crate::mqtt_server::router::Job;
use crate::mqtt_server::storing::SessionRecord;

/// A store that does what it is asked, when the test says so.
#[derive(Default)]
struct Disk {
    logs: BTreeMap<String, Vec<LogRecord>>,
    done: BTreeMap<String, u64>,
    removed: Vec<String>,
}

impl Disk {
    /// Does all jobs, and those that come of them.
    fn work(&mut self, rig: &mut Rig) {
        loop {
            let jobs = rig.jobs();
            if jobs.is_empty() {
                return;
            }
            for job in jobs {
                self.job(rig, job);
            }
        }
    }

    fn job(&mut self, rig: &mut Rig, job: Job) {
        match job {
            Job::Append { ticket, log, record, .. } => {
                assert!(!self.removed.contains(&log), "nothing comes after the end: {log}");
                let records = self.logs.entry(log).or_default();
                let sequence = records.len() as u64 + 1;
                records.push(LogRecord { sequence, ..record });
                rig.router.appended(ticket, Ok(sequence));
            }
            Job::Fetch { session, log, from } => {
                let records = self.logs.get(&*log).cloned().unwrap_or_default();
                let records = records.into_iter().filter(|one| one.sequence >= from).take(128);
                rig.router.fetched(session, &log, from, Ok(records.collect()));
            }
            Job::Done { log, sequence } => drop(self.done.insert(log.to_string(), sequence)),
            Job::Remove { log } => {
                self.logs.remove(&*log);
                self.removed.push(log.to_string());
            }
            Job::Warn(_) | Job::Lost { .. } => {}
        }
    }

    /// The router as it is after the next start.
    fn start(&self) -> Rig {
        let mut rig = Rig::default();
        rig.router.use_store("m");
        for record in self.logs.get("m/retained").into_iter().flatten() {
            rig.router.restore_retained(&record.value);
        }
        let mut sessions = BTreeMap::new();
        for record in self.logs.get("m/sessions").into_iter().flatten() {
            sessions.insert(record.key.clone(), SessionRecord::of(&record.value));
        }
        for session in sessions.into_values().flatten() {
            let end = self.logs.get(&session.log).map_or(1, |log| log.len() as u64 + 1);
            rig.router.restore_session(&session, self.done.get(&session.log).copied().unwrap_or(0), end, 0);
        }
        rig
    }
}

fn subscriber(rig: &mut Rig, disk: &mut Disk, name: &str) -> Client {
    let mut client = rig.client(kept(V5, name));
    let id = client.id();
    let filters = vec![("a/#".to_string(), super::Wish { qos: QoS::ExactlyOnce, ..super::Wish::default() })];
    rig.router.packet(client.link, Packet::Subscribe(super::Subscribe { id, filters, identifier: Some(9) }));
    assert_eq!(client.read(), None, "not granted before it is on the disk");
    disk.work(rig);
    assert!(matches!(client.read(), Some(Packet::SubAck(..))));
    client
}

#[test]
fn the_answer_leaves_when_it_is_on_the_disk() {
    let (mut rig, mut disk) = (Disk::default().start(), Disk::default());
    let mut away = subscriber(&mut rig, &mut disk, "s");
    let mut publisher = rig.client(hello(V3, "p"));
    let stored = rig.publish(&mut publisher, message("a/1", QoS::AtLeastOnce, "1"));
    // For nobody, and ready at once; but answers leave in order.
    let free = rig.publish(&mut publisher, message("b", QoS::AtLeastOnce, "2"));
    assert_eq!((publisher.read(), away.read()), (None, None));
    disk.work(&mut rig);
    assert_eq!(publisher.read(), Some(Packet::Ack(Ack::PubAck, stored, 0)));
    assert_eq!(publisher.read(), Some(Packet::Ack(Ack::PubAck, free, 0)));
    let came = rig.take(&mut away).unwrap();
    assert_eq!((&came.payload[..], came.subscriptions), (&b"1"[..], vec![9]));
}

#[test]
fn after_a_crash_everything_is_there_that_was_acknowledged() {
    let (mut rig, mut disk) = (Disk::default().start(), Disk::default());
    let mut client = subscriber(&mut rig, &mut disk, "s");
    let mut publisher = rig.client(hello(V5, "p"));
    for number in 0..5_000 {
        rig.publish(&mut publisher, message("a/1", QoS::AtLeastOnce, &number.to_string()));
        if number % 500 == 499 {
            disk.work(&mut rig);
        }
        if number == 999 {
            // Some of it has come and is acknowledged; then the client goes.
            assert_eq!(rig.take(&mut client).unwrap().payload, "0");
            assert_eq!(rig.take(&mut client).unwrap().payload, "1");
            rig.router.gone(client.link);
        }
    }
    rig.publish(&mut publisher, Publish { retain: true, ..message("r/1", QoS::AtLeastOnce, "kept") });
    rig.publish(&mut publisher, Publish { retain: true, ..message("r/2", QoS::AtLeastOnce, "kept") });
    rig.publish(&mut publisher, Publish { retain: true, ..message("r/2", QoS::AtLeastOnce, "") });
    rig.later(1_000);
    disk.work(&mut rig);
    assert_eq!(*disk.done.values().next().unwrap(), 2);
    // Killed here.
    let mut rig = disk.start();
    let (mut client, ack) = rig.connect(kept(V5, "s"));
    assert!(ack.session_present);
    let mut came = Vec::new();
    while came.len() < 4_998 {
        disk.work(&mut rig);
        let some = rig.texts(&mut client);
        assert!(!some.is_empty(), "{}", came.len());
        came.extend(some);
    }
    let expected: Vec<String> = (2..5_000).map(|number| number.to_string()).collect();
    assert_eq!(came, expected);
    disk.work(&mut rig);
    assert_eq!(client.read(), None);
    let mut retained = rig.subscriber(hello(V5, "r"), "r/#", QoS::AtLeastOnce);
    assert_eq!(rig.texts(&mut retained), ["kept"]);
    rig.later(1_000);
    disk.work(&mut rig);
    assert_eq!(*disk.done.values().next().unwrap(), 5_000, "all of it is done with");
}

#[test]
fn a_client_that_falls_behind_gets_the_rest_from_the_disk_in_order() {
    let (mut rig, mut disk) = (Disk::default().start(), Disk::default());
    let mut client = subscriber(&mut rig, &mut disk, "s");
    let mut publisher = rig.client(hello(V5, "p"));
    for number in 0..1_500 {
        rig.publish(&mut publisher, message("a", QoS::AtLeastOnce, &number.to_string()));
        while publisher.read().is_some() {}
        disk.work(&mut rig);
    }
    let mut came = Vec::new();
    loop {
        let some = rig.texts(&mut client);
        disk.work(&mut rig);
        if some.is_empty() {
            break;
        }
        came.extend(some);
    }
    let expected: Vec<String> = (0..1_500).map(|number| number.to_string()).collect();
    assert_eq!(came, expected);
}

/// A read that was asked for before its client went and came again must not stand for the read that it waits for now.
#[test]
fn a_read_that_comes_late_leaves_nothing_out() {
    let (mut rig, mut disk) = (Disk::default().start(), Disk::default());
    let client = subscriber(&mut rig, &mut disk, "s");
    rig.router.gone(client.link);
    let mut publisher = rig.client(hello(V5, "p"));
    for number in 0..600 {
        rig.publish(&mut publisher, message("a", QoS::AtLeastOnce, &number.to_string()));
        disk.work(&mut rig);
    }
    // It takes some, so that more is asked for; before that comes it goes, and comes again.
    let mut client = rig.client(kept(V5, "s"));
    let mut late = None;
    let mut came = Vec::new();
    while late.is_none() {
        came.extend(rig.take(&mut client).map(|one| one.payload));
        for job in rig.jobs() {
            match job {
                Job::Fetch { session, log, from } if from > 1 => late = Some((session, log, from)),
                job => disk.job(&mut rig, job),
            }
        }
    }
    rig.router.gone(client.link);
    let mut client = rig.client(kept(V5, "s"));
    let (session, log, from) = late.unwrap();
    disk.job(&mut rig, Job::Fetch { session, log, from });
    while came.len() < 600 {
        disk.work(&mut rig);
        let some = rig.texts(&mut client);
        assert!(!some.is_empty(), "{} of 600", came.len());
        came.extend(some.into_iter().map(Into::into));
    }
    // What was with it and not acknowledged came twice; nothing is missing.
    let mut numbers: Vec<usize> =
        came.iter().map(|text| std::str::from_utf8(text).unwrap().parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers, (0..600).collect::<Vec<_>>());
}

/// Subscribing again and again writes a record at a time, and each answer waits for one that has its wish.
#[test]
fn a_client_that_subscribes_without_end_fills_no_memory() {
    let mut rig = Disk::default().start();
    let mut client = rig.client(kept(V5, "s"));
    let subscribe = |rig: &mut Rig, id: u16| {
        let filters = vec![(format!("a/{id}"), super::Wish::default())];
        rig.router.packet(client.link, Packet::Subscribe(super::Subscribe { id, filters, identifier: None }));
    };
    (1..50).for_each(|id| subscribe(&mut rig, id));
    let first = rig.jobs();
    (50..100).for_each(|id| subscribe(&mut rig, id));
    assert_eq!((first.len(), rig.jobs().len()), (1, 0), "the second waits for the first");
    let mut disk = Disk::default();
    first.into_iter().for_each(|job| disk.job(&mut rig, job));
    assert_eq!(std::iter::from_fn(|| client.read()).count(), 49);
    disk.work(&mut rig);
    assert_eq!(std::iter::from_fn(|| client.read()).count(), 50);
    assert_eq!(disk.logs["m/sessions"].len(), 2);
}

#[test]
fn the_log_of_a_session_goes_with_it_and_not_before_the_last_append() {
    let (mut rig, mut disk) = (Disk::default().start(), Disk::default());
    let client = subscriber(&mut rig, &mut disk, "s");
    let mut publisher = rig.client(hello(V5, "p"));
    rig.publish(&mut publisher, message("a", QoS::AtLeastOnce, "1"));
    rig.router.packet(client.link, Packet::Disconnect(0, Some(0)));
    let first = rig.connect(hello(V5, "s")).1;
    assert!(!first.session_present);
    disk.work(&mut rig);
    assert_eq!(disk.removed.len(), 1);
    assert!(matches!(publisher.read(), Some(Packet::Ack(..))), "its sender is not kept waiting");
    let mut rig = disk.start();
    assert!(!rig.connect(kept(V5, "s")).1.session_present);
}

#[test]
fn what_the_store_does_not_take_is_not_acknowledged() {
    let (mut rig, mut disk) = (Disk::default().start(), Disk::default());
    let away = subscriber(&mut rig, &mut disk, "s");
    rig.router.gone(away.link);
    let mut publisher = rig.client(hello(V5, "p"));
    rig.publish(&mut publisher, message("a", QoS::AtLeastOnce, "1"));
    for job in rig.jobs() {
        if let Job::Append { ticket, .. } = job {
            rig.router.appended(ticket, Err("the disk is gone".to_string()));
        }
    }
    assert_eq!(publisher.read(), Some(Packet::Disconnect(reason::QUOTA, None)));
    assert!(rig.jobs().iter().any(|job| matches!(job, Job::Warn(text) if text.contains("the disk is gone"))));
    // And one that is full is told at once.
    let mut rig =
        Rig::with(Limits { stored: 2, ..Limits::default() }, Access { anonymous: true, ..Access::default() });
    rig.router.use_store("m");
    let mut disk = Disk::default();
    let away = subscriber(&mut rig, &mut disk, "s");
    rig.router.gone(away.link);
    let mut publisher = rig.client(hello(V5, "p"));
    for code in [0, 0, reason::QUOTA] {
        let id = rig.publish(&mut publisher, message("a", QoS::AtLeastOnce, "1"));
        disk.work(&mut rig);
        assert_eq!(publisher.read(), Some(Packet::Ack(Ack::PubAck, id, code)));
    }
    // The disk does not answer for long: a person is told.
    rig.publish(&mut publisher, Publish { retain: true, ..message("r", QoS::AtLeastOnce, "1") });
    rig.later(20_000);
    assert!(
        rig.jobs().iter().any(|job| matches!(job, Job::Warn(text) if text.contains("wait for the disk")))
    );
}

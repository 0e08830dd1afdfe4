//! The addresses of a network interface by its name, from what Linux says in /proc.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The first IPv4 address of an interface.
pub fn ipv4(name: &str) -> Option<Ipv4Addr> {
    let routes = std::fs::read_to_string("/proc/net/route").ok()?;
    let addresses = std::fs::read_to_string("/proc/net/fib_trie").ok()?;
    if name == "lo" {
        return Some(Ipv4Addr::LOCALHOST);
    }
    find_ipv4(name, &routes, &addresses)
}

/// The number of an interface: by its name, or by one of its IPv6 addresses.
pub fn index(name: &str) -> Option<u32> {
    let interfaces = std::fs::read_to_string("/proc/net/if_inet6").ok()?;
    find_index(name, &interfaces)
}

/// Its own address is the local one within a network that it reaches without a gateway.
fn find_ipv4(name: &str, routes: &str, addresses: &str) -> Option<Ipv4Addr> {
    let locals = local_addresses(addresses);
    routes.lines().skip(1).find_map(|route| {
        let columns: Vec<&str> = route.split_whitespace().collect();
        let (interface, network, gateway, mask) =
            (columns.first()?, hex(columns.get(1)?)?, hex(columns.get(2)?)?, hex(columns.get(7)?)?);
        if *interface != name || gateway != 0 || mask == 0 {
            return None;
        }
        locals.iter().copied().find(|address| u32::from(*address) & mask == network)
    })
}

/// As the kernel prints numbers of the network: the bytes in its own order.
fn hex(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 16).ok().map(|number| u32::from_be_bytes(number.to_le_bytes()))
}

fn local_addresses(trie: &str) -> Vec<Ipv4Addr> {
    let mut last: Option<Ipv4Addr> = None;
    let mut all = Vec::new();
    for line in trie.lines() {
        if let Some(address) = line.trim_start().strip_prefix("|-- ") {
            last = address.trim().parse().ok();
        } else if line.contains("/32 host LOCAL") {
            all.extend(last);
        }
    }
    all
}

fn find_index(name: &str, interfaces: &str) -> Option<u32> {
    let wanted: Option<IpAddr> = name.parse().ok();
    interfaces.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let address = u128::from_str_radix(columns.first()?, 16).ok()?;
        let is_meant = match wanted {
            Some(wanted) => wanted == IpAddr::from(Ipv6Addr::from(address)),
            None => *columns.get(5)? == name,
        };
        is_meant.then(|| u32::from_str_radix(columns.get(1)?, 16).ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_an_interface_is_found_in_what_the_kernel_says() {
        let routes = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n\
                      eth0 00000000 0101A8C0 0003 0 0 0 00000000 0 0 0\n\
                      eth0 0001A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n\
                      can1 0000000A 00000000 0001 0 0 0 000000FF 0 0 0\n";
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 192.168.1.7\n        /32 host LOCAL\n     |-- 192.168.1.255\n        \
                    /32 link BROADCAST\n     |-- 10.4.5.6\n        /32 host LOCAL\n";
        assert_eq!(find_ipv4("eth0", routes, trie), Some(Ipv4Addr::new(192, 168, 1, 7)));
        assert_eq!(find_ipv4("can1", routes, trie), Some(Ipv4Addr::new(10, 4, 5, 6)));
        assert_eq!(find_ipv4("eth1", routes, trie), None);
    }

    #[test]
    fn the_number_of_an_interface_is_found_by_name_or_address() {
        let interfaces = "00000000000000000000000000000001 01 80 10 80       lo\n\
                          fe800000000000000000000000000002 0a 40 20 80     eth0\n";
        assert_eq!(find_index("eth0", interfaces), Some(10));
        assert_eq!(find_index("fe80::2", interfaces), Some(10));
        assert_eq!(find_index("wlan0", interfaces), None);
    }
}

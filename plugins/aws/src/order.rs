//! Order among a few items.

/// Sorts a few items. The sorts of the standard library are made for many: each type that they are used for
/// adds kilobytes to the component.
pub fn sort<T: Ord>(items: &mut [T]) {
    for end in 1..items.len() {
        let mut at = end;
        while at > 0 && items[at] < items[at - 1] {
            items.swap(at, at - 1);
            at -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn items_are_in_order() {
        let mut items = vec![3, 1, 2, 2, 0];
        super::sort(&mut items);
        assert_eq!(items, [0, 1, 2, 2, 3]);
        super::sort::<u8>(&mut []);
    }
}

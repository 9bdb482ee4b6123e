//! Lists that come in pages.

use crate::Failure;

/// One page of a list.
#[derive(Debug)]
pub struct Page<T> {
    /// What it holds.
    pub items: Vec<T>,
    /// Where the next page starts, if there may be one.
    pub cursor: Option<String>,
}

/// More pages than any list has: a provider that keeps inventing cursors ends here.
const MOST_PAGES: usize = 1000;

/// Reads a list to its end: until a page is empty, has no cursor, or repeats the cursor before.
///
/// # Errors
///
/// The failure of `fetch`; internal if the list does not end.
pub fn pages<T>(mut fetch: impl FnMut(Option<&str>) -> Result<Page<T>, Failure>) -> Result<Vec<T>, Failure> {
    let mut items = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let page = fetch(cursor.as_deref())?;
        let empty = page.items.is_empty();
        items.extend(page.items);
        if empty || page.cursor.is_none() || page.cursor == cursor {
            return Ok(items);
        }
        cursor = page.cursor;
    }
    Err(Failure::internal(format!("a list did not end after {MOST_PAGES} pages")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(items: &[u8], cursor: Option<&str>) -> Page<u8> {
        Page { items: items.to_vec(), cursor: cursor.map(str::to_owned) }
    }

    #[test]
    fn pages_are_joined() {
        let items = pages(|cursor| {
            Ok(match cursor {
                None => page(&[1, 2], Some("a")),
                Some("a") => page(&[3], Some("b")),
                _ => page(&[], Some("c")),
            })
        });
        assert_eq!(items, Ok(vec![1, 2, 3]));
    }

    #[test]
    fn a_repeated_cursor_ends_the_list() {
        assert_eq!(pages(|_| Ok(page(&[1], Some("same")))), Ok(vec![1, 1]));
    }

    #[test]
    fn a_list_without_end_is_an_error() {
        let mut number = 0;
        let result = pages(|_| {
            number += 1;
            Ok(page(&[1], Some(&number.to_string())))
        });
        assert!(result.is_err());
    }
}

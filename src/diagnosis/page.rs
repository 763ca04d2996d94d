use super::class::CLASSES;

const HEAD: &str = "\
# Kinds of failure

What `doctor` and the messages of rotations tell apart, by the signs that Windows and Entra Connect give themselves. The
newest sign wins: a success after a failure clears it.

- An event counts by its source and its number: the ADSync service and its directory synchronization, the Service
  Control Manager where the event is about ADSync, and the audit of administrators' actions.
- A result is the one of a run, of each of its steps, or of one of its connections.

This page is written by the program's own test from the table that the program reads (`src/diagnosis/class.rs`).

| kind | signs | what it is | next step | whose business | document |
|---|---|---|---|---|---|
";

/// The table as a page for people: `docs/failure-classes.md`.
pub fn classes_page() -> String {
    let mut page = HEAD.to_owned();
    for row in CLASSES {
        let cells = [row.name, row.signs, row.explanation, row.next_step, row.business, row.document];
        page.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/failure-classes.md");
        let stored = std::fs::read_to_string(path).unwrap_or_default();
        let page = classes_page();
        if stored != page {
            println!("{page}");
            panic!("docs/failure-classes.md is not the table any more; the text above is");
        }
    }
}

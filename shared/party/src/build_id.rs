//! Which build this process runs: the id that the linker put into the program, the same for the same code and no other.
//!
//! It reads a few hundred bytes, however large the program is. A program without an id, or of another format, has none.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

const PT_NOTE: u32 = 4;
const NT_GNU_BUILD_ID: u32 = 3;
/// More than all notes of a program have.
const MOST_BYTES: u64 = 64 * 1024;

/// Hex digits of this program's build id; none if it has none.
pub fn of_this_program() -> Option<String> {
    // Not by its path: another build may stand there by now.
    let file = File::open("/proc/self/exe").ok()?;
    of(file).ok().flatten().map(hex::encode)
}

/// The `NT_GNU_BUILD_ID` note of an ELF file of 64 bits, lower byte first.
fn of(mut file: impl Read + Seek) -> io::Result<Option<Vec<u8>>> {
    let mut header = [0; 64];
    file.read_exact(&mut header)?;
    if !header.starts_with(b"\x7fELF\x02\x01") {
        return Ok(None);
    }
    let (table, size, count) = (long(&header, 0x20), short(&header, 0x36), short(&header, 0x38));
    for at in 0..u64::from(count) {
        let mut segment = [0; 56];
        file.seek(SeekFrom::Start(table.saturating_add(at * u64::from(size))))?;
        file.read_exact(&mut segment)?;
        if word(&segment, 0) != Some(PT_NOTE) {
            continue;
        }
        let mut notes = Vec::new();
        file.seek(SeekFrom::Start(long(&segment, 8)))?;
        file.by_ref().take(long(&segment, 32).min(MOST_BYTES)).read_to_end(&mut notes)?;
        if let Some(id) = in_notes(&notes) {
            return Ok(Some(id.to_vec()));
        }
    }
    Ok(None)
}

fn in_notes(mut notes: &[u8]) -> Option<&[u8]> {
    loop {
        let (name, value) = (usize::try_from(word(notes, 0)?).ok()?, usize::try_from(word(notes, 4)?).ok()?);
        let kind = word(notes, 8)?;
        let from = name.checked_next_multiple_of(4)?.checked_add(12)?;
        if kind == NT_GNU_BUILD_ID && notes.get(12..)?.starts_with(b"GNU\0") {
            return notes.get(from..from.checked_add(value)?);
        }
        notes = notes.get(from.checked_add(value.checked_next_multiple_of(4)?)?..)?;
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

fn short(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|bytes| bytes.try_into().ok()).map_or(0, u16::from_le_bytes)
}

fn long(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::io::Cursor;

    fn note(kind: u32, name: &[u8], value: &[u8]) -> Vec<u8> {
        let mut note = Vec::new();
        for number in [u32::try_from(name.len()).unwrap(), u32::try_from(value.len()).unwrap(), kind] {
            note.extend(number.to_le_bytes());
        }
        for part in [name, value] {
            note.extend(part);
            note.resize(note.len().next_multiple_of(4), 0);
        }
        note
    }

    /// A program with one segment of this kind that holds these bytes.
    fn program(kind: u32, bytes: &[u8]) -> Vec<u8> {
        let mut program = vec![0; 120];
        program[..6].copy_from_slice(b"\x7fELF\x02\x01");
        program[0x20] = 64;
        program[0x36] = 56;
        program[0x38] = 1;
        program[64..68].copy_from_slice(&kind.to_le_bytes());
        program[72] = 120;
        program[96..104].copy_from_slice(&u64::try_from(bytes.len()).unwrap().to_le_bytes());
        program.extend(bytes);
        program
    }

    #[test]
    fn the_id_is_found_among_other_notes_and_nothing_else_is_taken_for_it() {
        let id = note(NT_GNU_BUILD_ID, b"GNU\0", &[1, 2, 3]);
        let tag = note(1, b"GNU\0", &[9; 16]);
        let strangers = note(NT_GNU_BUILD_ID, b"Odd\0", &[7; 5]);
        for (what, program, found) in [
            ("alone", program(PT_NOTE, &id), Some(vec![1, 2, 3])),
            ("behind others", program(PT_NOTE, &[tag.clone(), strangers, id.clone()].concat()), Some(vec![1, 2, 3])),
            ("cut short", program(PT_NOTE, &id[..14]), None),
            ("no id", program(PT_NOTE, &tag), None),
            ("lengths that overflow", program(PT_NOTE, &[0xff; 64]), None),
            ("no notes", program(1, &id), None),
            ("no ELF", vec![b'#'; 200], None),
        ] {
            assert_eq!(of(Cursor::new(program)).unwrap(), found, "{what}");
        }
        of(Cursor::new(b"\x7fELF\x02\x01")).unwrap_err();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_program_that_was_linked_with_an_id_knows_it() {
        if let Some(id) = of_this_program() {
            assert!(id.len() >= 16 && id.chars().all(|digit| digit.is_ascii_hexdigit()), "{id}");
        }
    }
}

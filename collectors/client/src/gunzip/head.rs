//! What stands before the data of a gzip member (RFC 1952, section 2.3).

/// The head of a member, as far as it has been read. Nothing in it matters but where it ends.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Head {
    next: Field,
    flags: u8,
    /// Bytes of the next field that have been read.
    seen: u16,
    /// Bytes of the extra field.
    extra: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Field {
    /// Magic, method, flags, time, extra flags, system.
    #[default]
    Fixed,
    ExtraSize,
    Extra,
    Name,
    Comment,
    Sum,
    End,
}

const FIXED: u16 = 10;
const FLAG_SUM: u8 = 1 << 1;
const FLAG_EXTRA: u8 = 1 << 2;
const FLAG_NAME: u8 = 1 << 3;
const FLAG_COMMENT: u8 = 1 << 4;
const FLAGS_RESERVED: u8 = 0b1110_0000;

impl Head {
    /// Whether nothing of it has been read.
    pub(super) fn is_new(self) -> bool {
        self.next == Field::Fixed && self.seen == 0
    }

    /// Takes its next byte; whether that was the last.
    pub(super) fn push(&mut self, byte: u8) -> Result<bool, &'static str> {
        self.seen += 1;
        let complete = match self.next {
            Field::Fixed => {
                match self.seen {
                    1 if byte != 0x1F => return Err("it does not begin as gzip does"),
                    2 if byte != 0x8B => return Err("it does not begin as gzip does"),
                    3 if byte != 8 => return Err("it is not compressed with deflate"),
                    4 if byte & FLAGS_RESERVED != 0 => return Err("it has unknown flags"),
                    4 => self.flags = byte,
                    _ => {}
                }
                self.seen == FIXED
            }
            Field::ExtraSize => {
                self.extra = (self.extra >> 8) | (u16::from(byte) << 8);
                self.seen == 2
            }
            Field::Extra => self.seen == self.extra,
            Field::Name | Field::Comment => {
                // However long it is.
                self.seen = 0;
                byte == 0
            }
            Field::Sum => self.seen == 2,
            Field::End => true,
        };
        if complete {
            self.seen = 0;
            self.next = self.after();
        }
        Ok(self.next == Field::End)
    }

    /// The first field after this one that is there.
    fn after(self) -> Field {
        let fields = [
            (Field::ExtraSize, self.flags & FLAG_EXTRA != 0),
            (Field::Extra, self.extra > 0),
            (Field::Name, self.flags & FLAG_NAME != 0),
            (Field::Comment, self.flags & FLAG_COMMENT != 0),
            (Field::Sum, self.flags & FLAG_SUM != 0),
        ];
        let later = fields.into_iter().filter(|(field, _)| *field as u8 > self.next as u8);
        later.filter(|(_, there)| *there).map(|(field, _)| field).next().unwrap_or(Field::End)
    }
}

mod property;

use expect_test::{Expect, expect};

use crate::{Source, format};

fn check(text: &str, expected: Expect) {
    let formatted = format(&Source::new("test.alloy", text)).expect("it parses");
    expected.assert_eq(&formatted);
    let again = format(&Source::new("test.alloy", formatted.clone())).expect("it still parses");
    assert_eq!(formatted, again);
}

#[test]
fn attributes_in_consecutive_lines_are_aligned() {
    check(
        "a \"b\" {
x=1
  long_name   = [1,2 , 3]

y = 2
list = [
  1,
]
zzzz = 3
yy = f( 1,2 )
// a comment
w = 1
}
a.b.c \"d\" { x = {a=1,  \"b\" = 2} }
empty {}
",
        expect![[r#"
            a "b" {
            	x         = 1
            	long_name = [1, 2, 3]

            	y    = 2
            	list = [
            		1,
            	]
            	zzzz = 3
            	yy   = f(1, 2)
            	// a comment
            	w = 1
            }

            a.b.c "d" {
            	x = {a = 1, "b" = 2}
            }

            empty { }
        "#]],
    );
}

#[test]
fn comments_stay_where_they_are() {
    check(
        "

// head


// of the file
a \"b\" { // trails the brace

  // before x
  x = 1 // trails x
  /* inline */ y = /* odd */ 2 /* after */


  // alone

  // before the block
  inner { /* inside */ } // after the block
  list = [ // trails the bracket
    // first
    1, // one
    2,
    // last
  ] // trails the list
  // the end
}
none {
  // only a comment
}
// the end of the file",
        expect![[r#"
            // head

            // of the file
            a "b" { // trails the brace

            	// before x
            	x = 1 // trails x
            	/* inline */ y = /* odd */ 2 /* after */

            	// alone

            	// before the block
            	inner { /* inside */ } // after the block
            	list = [ // trails the bracket
            		// first
            		1, // one
            		2,
            		// last
            	] // trails the list
            	// the end
            }

            none {
            	// only a comment
            }
            // the end of the file
        "#]],
    );
}

#[test]
fn expressions_have_one_spacing() {
    check(
        "a { x = ( 1+2 )*-3^!b . c[ \"k\" ] (1 ,2,) }
b { y = \"one\" +
\"two\" + // because
  `three
 raw` }
c { z = [{ a = 1 }, { b = 2 },
  { c = 3 }] }
d { z = f({
   a = 1,
   bbb = [ ],
 }, {}) }",
        expect![[r#"
            a {
            	x = (1 + 2) * -3 ^ !b.c["k"](1, 2)
            }

            b {
            	y = "one" +
            		"two" + // because
            		`three
             raw`
            }

            c {
            	z = [{a = 1}, {b = 2},
            		{c = 3}]
            }

            d {
            	z = f({
            		a   = 1,
            		bbb = [],
            	}, {})
            }
        "#]],
    );
}

#[test]
fn nothing_stays_nothing() {
    check("", expect![[""]]);
    check("\n\n \n", expect![[""]]);
    check("\u{feff}// c\r\n", expect![["// c\n"]]);
}

#[test]
fn a_text_with_mistakes_is_not_formatted() {
    let errors = format(&Source::new("test.alloy", "a = = 1\nb = 2\nc {")).unwrap_err();
    assert_eq!(errors.len(), 2);
}

//! Remote-write requests that somebody else made: refused with a reason, or read.

#![no_main]

use delivery::wire;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|message: &[u8]| {
    // As it came, and as a body that at least decompresses.
    for body in [message.to_vec(), wire::compress(message)] {
        if let Ok(request) = wire::decode_v1(&body) {
            // Bytes, because NaN is not equal to itself.
            let encoded = wire::encode_v1(&request);
            let again = wire::decode_v1(&encoded).expect("what was encoded decodes");
            assert_eq!(wire::encode_v1(&again), encoded);
        }
        if let Ok(request) = wire::decode_v2(&body)
            && let Ok(old) = request.to_v1()
        {
            assert_eq!(old.timeseries.len(), request.timeseries.len());
        }
    }
});

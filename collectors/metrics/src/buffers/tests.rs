use super::*;

#[test]
fn the_smallest_buffer_that_fits_is_taken() {
    let buffers = Buffers::default();
    for capacity in [100, 1000, 10] {
        buffers.put(Vec::with_capacity(capacity));
    }
    assert_eq!(buffers.take(50).capacity(), 100);
    assert_eq!(buffers.take(5000).capacity(), 1000);
    assert_eq!(buffers.take(0).capacity(), 10);
    assert_eq!(buffers.take(0).capacity(), 0);
}

#[test]
fn neither_many_nor_huge_buffers_are_kept() {
    let buffers = Buffers::default();
    buffers.put(Vec::with_capacity(MAX_KEPT + 1));
    for _ in 0..MAX_WAITING + 5 {
        buffers.put(vec![1; 10]);
    }
    assert_eq!(buffers.0.lock().unwrap().len(), MAX_WAITING);
    assert!(buffers.take(0).is_empty());
}

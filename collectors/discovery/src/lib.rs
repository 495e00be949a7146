//! Where targets come from: files, HTTP and DNS.

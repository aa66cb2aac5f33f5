//! The client and the server of `tests/grpc.rs`, generated as from a `.proto` file, but without `protoc`.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let method = |name, route| {
        let method = Method::builder().name(name).route_name(route);
        method.input_type("crate::Number").output_type("crate::Number").codec_path("tonic_prost::ProstCodec")
    };
    let service = Service::builder()
        .package("numbers")
        .name("Numbers")
        .method(method("square", "Square").build())
        .method(method("count", "Count").server_streaming().build())
        .method(method("double", "Double").client_streaming().server_streaming().build())
        .build();
    Builder::new().build_transport(false).compile(&[service]);
}

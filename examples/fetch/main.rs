fn main() {
    boucle::run(async { println!("hi") })
}

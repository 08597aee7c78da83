registrar {
  asap {
    max_items = 1e999999999
  }
}

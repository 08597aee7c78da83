registrar {
  id = 0x2f1a93c4

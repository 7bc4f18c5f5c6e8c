"""Systems around the hub that the city cannot bring along: each behaves like the real one, bad days included, and shows what people see."""

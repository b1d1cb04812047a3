// Pages that show the record as it was when they were asked for: the clock runs, and a roll-call is heard here too.
import { runClocks } from "./clock.js";
import { Duty } from "./duty.js";
import "./exports.js";
import { Live } from "./live.js";

runClocks();
new Duty(new Live(null));

// Pages that show the record as it was when they were asked for: only the clock runs.
import { runClocks } from "./clock.js";

runClocks();

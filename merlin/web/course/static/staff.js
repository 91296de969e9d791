// Pages of teachers and admins: questions are asked in place, and a form that was sent says so.

import "./busy.js";
import "./sure.js";

document.querySelector(".rooms [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
document.getElementById("wrong")?.scrollIntoView({ block: "nearest" });
document.getElementById("proof")?.focus({ preventScroll: false });

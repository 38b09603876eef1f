# attack: refused "code"
import os

os.system("touch @@canary@@")
open("@@canary@@", "w")

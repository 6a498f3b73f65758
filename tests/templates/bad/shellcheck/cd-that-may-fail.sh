# SC2164
cd "$1"
rm -rf build
